"""Where sentences come from: WordNet, files of text and tables, the Hugging Face hub."""
