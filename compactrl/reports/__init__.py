"""Reports: what runs came to beside each other, pictures of it, and what a search found.

`reading` takes a run's files in, `configurations` groups the seeds of one, `statistics` knows arrays only. `compare`
makes a table of them, `smallest` finds what comes near the best, and `comparability` warns of what cannot be compared.
`figures`, `run_curves`, `pictures` and `architectures` draw, on `charts` in one `style`; `tables` writes text, `page`
the HTML. `report` puts data and renderings together: it is `compactrl.compare`.
`coloring` and `analysis` look into colourings, `film` plays a policy before a camera.
"""
