module example.test/smoke

go 1.23.0

require (
	connectrpc.com/connect v1.18.1
	google.golang.org/genproto/googleapis/api v0.0.0-20250303144028-a0af3efb3deb
	google.golang.org/protobuf v1.36.6
)
