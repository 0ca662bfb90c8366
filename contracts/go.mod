module github.com/jieli-bus/jieli/contracts

go 1.26.0
