-- Refuses outside Monday to Friday, 08:00 to 18:00 UTC; asks for an approval in the hour before and after.
local FIRST, LAST = 8, 18

function evaluate(context)
  local now = context.environment
  if now.weekday > 5 then return "deny" end
  if now.hour >= FIRST and now.hour < LAST then return "allow" end
  if now.hour == FIRST - 1 or now.hour == LAST then return "require-approval" end
  return "deny"
end
