"""Maps as Plotly figures: base sheet, choropleth and its classes, single places, the box around them."""
