"""Speed, as ratios within one run: `make bench`. Nothing here asserts; a number is printed beside what it is measured against."""
