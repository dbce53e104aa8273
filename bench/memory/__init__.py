"""How much memory a run takes at a cap, and what keeping to it costs."""
