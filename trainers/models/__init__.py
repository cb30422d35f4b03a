"""Networks to train and the tools that edit them."""
