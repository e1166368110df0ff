"""Facts of PASS's datasheet in sentences: collection, filtering, personal data, biases, limits.

Statements, Croissant descriptions and cards quote them from here. The source is the datasheet in
the paper (https://arxiv.org/abs/2109.13228); figures that can be measured are measured instead.
"""

from __future__ import annotations

MODALITY = "images: JPEG photographs; no text, no labels"
COLLECTION = (
    "YFCC100M lists nearly a hundred million photographs and videos that users of Flickr had "
    "published. About 17 million of its CC-BY photographs were downloaded from March to June 2021."
)
COLLECTED = ("2021-03-01", "2021-06-30")  # the first and the last day of these months
COLLECTION_TYPES = ("Secondary Data Analysis", "User-Generated Content", "Manual Human Curator")
RAW_DATA = (
    "Photographs of Flickr's size `medium`, whose longer side has 500 pixels at most, with the "
    "metadata of YFCC100M: the creator's name, and where known the date and the location."
)
MISSING_DATA = "Dates and locations that YFCC100M does not have are missing; most locations are."
FILTERING = (
    "Corrupt images and images of a single colour were dropped.",
    "Images with people, personal information or harmful content were removed, first by machine "
    "and then by human annotators.",
    "Of each Flickr user, at most 80 images were kept.",
)
IMPUTATION = "None: what is missing is empty."
ANNOTATION = (
    "The images have no labels and no captions. Annotators of a professional company, who were "
    "paid 150% of the local minimum wage, checked them for what had to be removed."
)
PERSONAL_DATA = (
    "The images were selected to show no people and no personal information. Annotators can miss "
    "something: later releases withdrew images of people.",
    "The metadata names each image's creator on Flickr, for attribution, and where known the time "
    "and the location at which it was taken. It is not to be used to connect images with their "
    "users beyond crediting them.",
)
BIASES = (
    "The images follow the distribution of Flickr: most are from Europe and the United States, by "
    "people with good cameras.",
    "They were taken from 2000 to 2015, most of them from 2010 to 2014.",
    "Other biases that nobody has measured are likely.",
)
LIMITATIONS = (
    "For research. The authors make no statement on legal questions such as the GDPR.",
    "Features learnt from it can generalise badly to places and things that are rare in it.",
    "People are left out, so that it teaches nothing about them.",
    "The longer side of an image has 500 pixels at most.",
)
USE_CASES = (
    "Self-supervised pretraining of image models, which are judged on other datasets. It is no "
    "benchmark.",
    "Studies of pretraining without people, and of images of different resolutions.",
)
SOCIAL_IMPACT = (
    "Pretraining without images of people takes one risk to privacy out of the pipeline. It does "
    "not make what is built on top of it harmless."
)
HAS_SYNTHETIC_DATA = False  # photographs alone
MAINTENANCE = (
    "A release never changes. A later one withdraws images in which people were found: v2 withdrew "
    "472 of v1, v3 another 131. Requests for removal go to the authors."
)
REMOVAL_URL = "https://github.com/yukimasano/PASS/issues"
