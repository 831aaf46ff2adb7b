"""Training the retriever's sense of which notes fit."""
