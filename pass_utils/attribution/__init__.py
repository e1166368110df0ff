"""Credits of images: who took each, where it came from, under which licence. Private, but for what
`pass_utils` names.
"""
