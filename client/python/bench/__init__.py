"""What the Python client costs, as ratios against lakefs-spec and against bare REST in the same run."""
