"""Code with memory that emits events, for what rules cannot say."""
