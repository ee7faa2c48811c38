-- What is signed must be a JSON order. Up to 1000 it is signed, up to 100000 somebody else must agree, above nobody signs it.
function evaluate(context)
  local order = context.payload.json
  if type(order) ~= "table" or math.type(order.amount) ~= "integer" or order.amount < 0 then return "deny" end
  if order.amount <= 1000 then return "allow" end
  if order.amount <= 100000 then return "require-approval" end
  return "deny"
end
