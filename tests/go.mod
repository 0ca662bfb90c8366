module github.com/jieli-bus/jieli/tests

go 1.26.0

require (
	github.com/jieli-bus/jieli/contracts v0.0.0
	github.com/jieli-bus/jieli/events v0.0.0
	github.com/jieli-bus/jieli/services v0.0.0
	github.com/santhosh-tekuri/jsonschema/v6 v6.0.3
	gopkg.in/yaml.v3 v3.0.1
)

require golang.org/x/text v0.43.0 // indirect

replace (
	github.com/jieli-bus/jieli/contracts => ../contracts
	github.com/jieli-bus/jieli/events => ../events
	github.com/jieli-bus/jieli/services => ../services
)
