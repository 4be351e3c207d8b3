importScripts("@GATEWAY@/sdk/v1/worker.js")
