"""The processor: consumes batches, enriches them as columns, hands blocks to storage, acknowledges last."""
