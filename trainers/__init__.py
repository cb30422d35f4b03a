"""One trial in, one result out. Needs torch, and torchvision where a data set or model does."""
