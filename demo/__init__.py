"""The demo: real flights of 2013, two real models, replayed as logs and watched by ml-exporter."""
