"""What Sluice costs, measured in CPU seconds and memory, beside the scripts it has to bear comparison with."""
