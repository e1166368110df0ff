"""The methods of self-supervised pretraining: MoCo-v2, SwAV and DINO."""
