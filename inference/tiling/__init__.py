"""Translation of images by tiles, for images larger than the memory."""
