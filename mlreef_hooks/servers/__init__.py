"""Git servers: what a hook's environment says about repository, pusher and visibility."""
