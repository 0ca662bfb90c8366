-- Applies one batch: documents, index entries and the position together.
-- KEYS: positions (hash), documents (hash), keys (sorted set), index names (set), revision (string)
-- ARGV: source, expected position, new position, index key prefix, number of puts, then key and packed document of each
-- put, then the keys to delete.
-- A packed document is: >I4 length of the index part, 8 bytes version, index part (name NUL value NUL ...), body.
--
-- The position is written last. A script isn't rolled back when it fails (a damaged key, say): then the position still
-- tells the old place, and the same batch applied again overwrites whatever was done.
local stored = redis.call('HGET', KEYS[1], ARGV[1]) or ''
if stored ~= ARGV[2] then return {0, stored} end

local documents, keys, prefix = KEYS[2], KEYS[3], ARGV[4]
local puts = tonumber(ARGV[5])
local named = {}

local function entries(packed)
  return string.sub(packed, 13, 12 + struct.unpack('>I4', packed))
end
local function unlist(part, key)
  for name, value in string.gmatch(part, '(%Z+)%z(%Z*)%z') do
    redis.call('ZREM', prefix .. name, value .. '\0' .. key)
  end
end
local function list(part, key)
  for name, value in string.gmatch(part, '(%Z+)%z(%Z*)%z') do
    if not named[name] then
      redis.call('SADD', KEYS[4], name)
      named[name] = true
    end
    redis.call('ZADD', prefix .. name, 0, value .. '\0' .. key)
  end
end

local at = 6
for _ = 1, puts do
  local key, packed = ARGV[at], ARGV[at + 1]
  at = at + 2
  local new, before = entries(packed), redis.call('HGET', documents, key)
  if not before then
    redis.call('ZADD', keys, 0, key)
    list(new, key)
  else
    local old = entries(before)
    if old ~= new then
      unlist(old, key)
      list(new, key)
    end
  end
  redis.call('HSET', documents, key, packed)
end
for i = at, #ARGV do
  local key = ARGV[i]
  local before = redis.call('HGET', documents, key)
  if before then
    unlist(entries(before), key)
    redis.call('ZREM', keys, key)
    redis.call('HDEL', documents, key)
  end
end
redis.call('INCR', KEYS[5])
redis.call('HSET', KEYS[1], ARGV[1], ARGV[3])
return {1}
