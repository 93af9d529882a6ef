"""Models of others, as generators: they yield chunks and never see a path.

:func:`~generators.adapters.diffusion.protect` takes a pipeline object of diffusers,
:func:`~generators.adapters.diffusion.open_folder` a folder that diffusers saved (one with
``model_index.json``), and :class:`~generators.adapters.ltx_pipelines.LtxPipelinesGenerator` a
pipeline object of ltx-pipelines. Weights and their licences are the user's affair; nobody who made
these models had a part in this.
"""
