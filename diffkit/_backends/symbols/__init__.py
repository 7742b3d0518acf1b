"""Libraries whose derivatives are symbolic: how a recorded program is written in their symbols."""
