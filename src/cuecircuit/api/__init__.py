"""The public names behind `import cuecircuit as cc`: tables, images and paths in, tables and images out."""
