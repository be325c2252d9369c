module repoloom.dev/tests/pause

go 1.26
