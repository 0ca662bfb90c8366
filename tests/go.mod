module github.com/jieli-bus/jieli/tests

go 1.26.0

require (
	github.com/jieli-bus/jieli/contracts v0.0.0
	github.com/jieli-bus/jieli/events v0.0.0
	github.com/jieli-bus/jieli/services v0.0.0
)

replace (
	github.com/jieli-bus/jieli/contracts => ../contracts
	github.com/jieli-bus/jieli/events => ../events
	github.com/jieli-bus/jieli/services => ../services
)
