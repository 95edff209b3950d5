-- Moves the watermark: from now on the panes that end by then are frozen, and rows for them are late. Given: the watermark
-- that the caller saw, the new one, the time of this beat, and until when live time is halted. Returns the watermark.
local expected, watermark, beat, halted = unpack(ARGV, 2)
local barrier = redis.call('HGET', tag, 'barrier')
if not barrier then return false end
redis.call('HSET', tag, 'beat', beat, 'halted', halted)
if barrier == expected then
  redis.call('HSET', tag, 'barrier', watermark)
  barrier = watermark
end
if redis.call('ZCOUNT', key('open'), '-inf', barrier) == 0 then redis.call('HSET', tag, 'frozen', barrier) end
return barrier
