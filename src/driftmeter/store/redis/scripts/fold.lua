-- Record a fold, once: only from where it began. The caller has merged what is due to be merged.
local KEEP = '8640000000' -- 100 days: what nobody folds any more goes, and all of it at once
local sent = cmsgpack.unpack(ARGV[2])
local digest = sent.digest
local born = redis.call('HGET', tag, 'born')
if not born or (sent.born ~= '' and sent.born ~= born) then return 0 end
if (redis.call('HGET', key('fold', digest), 'folded') or '0') ~= sent.expected then return 0 end
redis.call('HSET', key('fold', digest), 'folded', sent.folded, 'state', sent.state)
redis.call('HSET', tag, 'folded:' .. digest, sent.folded)
redis.call('HSET', key('verdicts', digest), sent.bucket, sent.verdict)
redis.call('ZADD', key('times', digest), sent.at, sent.bucket)
for _, field in ipairs(sent.merged) do
  redis.call('HDEL', key('slices', digest), field)
  redis.call('ZREM', key('ends', digest), field)
end
for _, each in ipairs(sent.slices) do
  redis.call('HSET', key('slices', digest), each.field, each.value)
  redis.call('ZADD', key('ends', digest), each.ends, each.field)
end
for _, bucket in ipairs(sent.thinned) do
  redis.call('HDEL', key('verdicts', digest), bucket)
  redis.call('ZREM', key('times', digest), bucket)
end
for _, name in ipairs({'fold', 'slices', 'ends', 'verdicts', 'times'}) do
  redis.call('PEXPIRE', key(name, digest), KEEP)
end
return 1
