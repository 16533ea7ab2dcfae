"""How colours reach the model: ImageNet's normalisation, which the encoder's weights expect."""

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""Of red, green and blue in [0, 1] (torchvision, ``MobileNet_V2_Weights.IMAGENET1K_V1``)."""
