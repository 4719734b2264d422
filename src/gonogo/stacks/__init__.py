"""Running stacks: the runtimes (docker, embedded, external) and the services they run."""
