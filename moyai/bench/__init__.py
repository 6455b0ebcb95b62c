"""Questions about speed, answered as ratios against a floor measured in the same run. One module per question."""
