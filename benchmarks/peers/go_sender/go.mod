module steeple.example/benchmarks/go_sender

go 1.24
