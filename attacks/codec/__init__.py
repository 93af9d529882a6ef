"""What encoders and upload pipelines do: real codecs, nothing modelled."""
