"""Reports: what runs came to beside each other, pictures of it, and what a search found.

`reading` takes a run's files in, `settings` groups the seeds of one setting, `statistics` knows arrays only, `compare`
makes tables and warnings of them, `figures` and `pictures` draw, `page` writes the HTML, `coloring` and `analysis`
look into colourings.
"""
