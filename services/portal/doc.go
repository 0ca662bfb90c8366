// Package portal is the part of the HTTP face that shows what flows out (门户): the live stream of a department's view, and
// the recommendations (撮合推荐) for a demand with their explanations. It decides nothing and stores nothing.
//
// Deliberately absent: pages (the console is a later issue), webhooks and the Subscriptions API, and any right of its own:
// what a department may see was cut by the sharing service before it came here.
package portal
