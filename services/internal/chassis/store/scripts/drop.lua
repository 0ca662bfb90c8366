-- Removes a collection. UNLINK frees large keys in the background. The revision goes on, so that a dump under way
-- notices.
-- KEYS: positions, documents, keys, index names, revision; ARGV: index key prefix
for _, name in ipairs(redis.call('SMEMBERS', KEYS[4])) do
  redis.call('UNLINK', ARGV[1] .. name)
end
redis.call('UNLINK', KEYS[1], KEYS[2], KEYS[3], KEYS[4])
redis.call('INCR', KEYS[5])
return 1
