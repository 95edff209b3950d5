-- All is gone: the name is free.
if redis.call('HEXISTS', tag, 'gone') == 1 then redis.call('DEL', tag) end
return 1
