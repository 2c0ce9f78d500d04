"""Modelled radio coverage: path loss, link budget, antenna pattern, power on a grid, weak patches.

Pure functions on arrays. Distances in metres in a projected CRS, frequencies in GHz, power per
resource element (RE) in dBm. Formulas: `standards.md` section 1, after 3GPP TR 38.901.
"""
