"""The work of jobs: each module has one ``run(task)``, called in a limited child process."""
