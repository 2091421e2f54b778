"""Where records go besides the state: queues and remote stores."""
