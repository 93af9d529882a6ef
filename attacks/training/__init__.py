"""Training of what attacks learn: the autoencoder of the regeneration attack."""
