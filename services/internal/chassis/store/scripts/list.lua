-- Reads one page: index members and their documents as of one moment.
-- KEYS: sorted set to scan, documents (hash), revision (string)
-- ARGV: range start, range end, '1' for descending, documents at most, bytes of bodies at most
-- Answers revision, '1' if there is more, then member and packed document of each row.
local limit, bytes_max = tonumber(ARGV[4]), tonumber(ARGV[5])
local members
if ARGV[3] == '1' then
  members = redis.call('ZRANGE', KEYS[1], ARGV[1], ARGV[2], 'BYLEX', 'REV', 'LIMIT', 0, limit + 1)
else
  members = redis.call('ZRANGE', KEYS[1], ARGV[1], ARGV[2], 'BYLEX', 'LIMIT', 0, limit + 1)
end
local answer = {redis.call('GET', KEYS[3]) or '0', '0'}
local bytes = 0
for i, member in ipairs(members) do
  if i > limit then
    answer[2] = '1'
    break
  end
  local nul = string.find(member, '%z')
  local key = nul and string.sub(member, nul + 1) or member
  local packed = redis.call('HGET', KEYS[2], key)
  if not packed then return redis.error_reply('DAMAGED an index entry has no document') end
  local body = #packed - 12 - struct.unpack('>I4', packed)
  if i > 1 and bytes + body > bytes_max then
    answer[2] = '1'
    break
  end
  bytes = bytes + body
  answer[#answer + 1] = member
  answer[#answer + 1] = packed
end
return answer
