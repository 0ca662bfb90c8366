-- Reads one page: index members and their documents as of one moment.
-- KEYS: sorted set to scan, documents (hash), revision (string)
-- ARGV: range start, range end, '1' for descending, documents at most, bytes of bodies at most, rows to look at when there are
-- conditions, then name, value and '1' for a prefix of each condition.
-- Answers revision, '1' if there is more, the last member looked at, then member and packed document of each row.
local limit, bytes_max, scan_max = tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6])
local where = #ARGV > 6

local function range(offset, count)
  if ARGV[3] == '1' then
    return redis.call('ZRANGE', KEYS[1], ARGV[1], ARGV[2], 'BYLEX', 'REV', 'LIMIT', offset, count)
  end
  return redis.call('ZRANGE', KEYS[1], ARGV[1], ARGV[2], 'BYLEX', 'LIMIT', offset, count)
end

-- Entries are read in pairs: a value that reads like a name must not pass for one.
local function fits(part)
  local missing = (#ARGV - 6) / 3
  local met = {}
  for name, value in string.gmatch(part, '(%Z+)%z(%Z*)%z') do
    for i = 7, #ARGV, 3 do
      if not met[i] and name == ARGV[i] and
        (value == ARGV[i + 1] or ARGV[i + 2] == '1' and string.sub(value, 1, #ARGV[i + 1]) == ARGV[i + 1]) then
        met[i] = true
        missing = missing - 1
      end
    end
  end
  return missing == 0
end

local answer = {redis.call('GET', KEYS[3]) or '0', '0', ''}
local bytes, found, seen = 0, 0, 0
local chunk = limit + 1
if where then chunk = 512 end
while true do
  local members = range(seen, chunk)
  for _, member in ipairs(members) do
    if found == limit or where and seen == scan_max then
      answer[2] = '1'
      return answer
    end
    local nul = string.find(member, '%z')
    local key = nul and string.sub(member, nul + 1) or member
    local packed = redis.call('HGET', KEYS[2], key)
    if not packed then return redis.error_reply('DAMAGED an index entry has no document') end
    local head = struct.unpack('>I4', packed)
    if not where or fits(string.sub(packed, 13, 12 + head)) then
      local body = #packed - 12 - head
      if found > 0 and bytes + body > bytes_max then
        answer[2] = '1'
        return answer
      end
      bytes = bytes + body
      found = found + 1
      answer[#answer + 1] = member
      answer[#answer + 1] = packed
    end
    seen = seen + 1
    answer[3] = member
  end
  if #members < chunk then return answer end
end
