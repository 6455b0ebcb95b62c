-- Sends prepared requests, each once: a proof is good for one request. The file holds them one after the other,
-- each behind its length in bytes and a newline. When they run out, the round is void, and `exhausted` says so. A file with one
-- request (the echo's) is sent over and over.

local prepared = {}
local sent = 0

function init(args)
  local file = assert(io.open(os.getenv("MOYAI_REQUESTS"), "rb"))
  while true do
    local length = file:read("*n")
    if not length then break end
    file:read(1)
    prepared[#prepared + 1] = file:read(length)
  end
  file:close()
end

function request()
  sent = sent + 1
  if sent > #prepared then
    exhausted = #prepared > 1  -- global: read by `done`
    return prepared[#prepared]
  end
  return prepared[sent]
end

local threads = {}

function setup(thread)
  threads[#threads + 1] = thread
end

function done(summary, latency, requests)
  local errors = summary.errors
  local exhausted = false
  for _, thread in ipairs(threads) do exhausted = exhausted or thread:get("exhausted") or false end
  io.write(string.format(
    '{"requests": %d, "duration_us": %d, "p50_us": %.1f, "p99_us": %.1f, "errors": %d, "exhausted": %s}\n',
    summary.requests, summary.duration, latency:percentile(50), latency:percentile(99),
    errors.connect + errors.read + errors.write + errors.status + errors.timeout, tostring(exhausted)))
end
