"""The gold tables by a plain DuckDB script: the same files in, the same rows out, with no checks, no history and no Dagster.

What `make bench` measures the lakehouse against, and a second opinion on its rows. It shares no code with the lakehouse,
and reads what the files source reads: `<files>/<source>/<table>/*.parquet`.
"""

import argparse
import datetime as dt
import json
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import duckdb
import pycountry

CURRENCIES = sorted({currency.alpha_3 for currency in pycountry.currencies} - {"XXX", "XTS"})
COUNTRIES = sorted(country.alpha_2 for country in pycountry.countries)

SILVER = """
create macro on_day(stamp) as cast(stamp as date);
create macro average(total, number) as  -- In whole cents, halves up.
  cast(cast((cast(total * 100 as hugeint) * 2 + number) // nullif(2 * number, 0) as decimal(18, 0)) * 0.01 as decimal(18, 2));

create table days as select cast(unnest(generate_series(date '{first}', date '{last}', interval 1 day)) as date) as day;

create table orders as
select * from read_parquet('{files}/snowflake/orders/*.parquet')
where on_day(last_modified_ts) between date '{first}' and date '{last}'
  and order_id is not null and customer_id is not null and order_date is not null and product_id is not null
  and quantity > 0 and amount >= 0 and currency in ({currencies})
  and status in ('PLACED', 'PAID', 'SHIPPED', 'DELIVERED', 'CANCELLED', 'RETURNED')
  and order_date <= on_day(last_modified_ts)
qualify row_number() over (partition by order_id order by last_modified_ts desc) = 1;

create table customers as
select *, lead(last_modified_ts) over (partition by customer_id order by last_modified_ts) as valid_to from (
  select distinct customer_id, first_name, last_name, nullif(lower(trim(email)), '') as email, phone, country, city,
    signup_date, coalesce(is_deleted, false) as is_deleted, last_modified_ts
  from read_parquet('{files}/snowflake/customers/*.parquet')
  where on_day(last_modified_ts) <= date '{last}' and customer_id is not null
    and (country is null or country in ({countries}))
);

create table products as
select *, lead(last_modified_ts) over (partition by product_id order by last_modified_ts) as valid_to from (
  select distinct product_id, name, category, brand, unit_price, currency, is_active, last_modified_ts
  from read_parquet('{files}/snowflake/products/*.parquet')
  where on_day(last_modified_ts) <= date '{last}' and product_id is not null and (unit_price is null or unit_price > 0)
);

create table accounts as
select *, lead(system_modstamp) over (partition by account_id order by system_modstamp) as valid_to from (
  select distinct Id as account_id, coalesce(nullif(trim(Industry), ''), 'Unknown') as industry,
    coalesce(IsDeleted, false) as is_deleted, SystemModstamp as system_modstamp
  from read_parquet('{files}/salesforce/Account/*.parquet')
  where on_day(SystemModstamp) <= date '{last}' and Id is not null
);

create table contacts as
select *, lead(system_modstamp) over (partition by contact_id order by system_modstamp) as valid_to from (
  select distinct Id as contact_id, AccountId as account_id, nullif(lower(trim(Email)), '') as email,
    coalesce(IsDeleted, false) as is_deleted, SystemModstamp as system_modstamp
  from read_parquet('{files}/salesforce/Contact/*.parquet')
  where on_day(SystemModstamp) <= date '{last}' and Id is not null
);

create table opportunities as
select *, lead(system_modstamp) over (partition by opportunity_id order by system_modstamp) as valid_to from (
  select distinct Id as opportunity_id, AccountId as account_id, coalesce(StageName, 'Unknown') as stage_name, Amount as amount,
    CurrencyIsoCode as currency, coalesce(Probability, 0) as probability, coalesce(IsDeleted, false) as is_deleted,
    SystemModstamp as system_modstamp
  from read_parquet('{files}/salesforce/Opportunity/*.parquet')
  where on_day(SystemModstamp) <= date '{last}' and Id is not null
);

create table order_events as
select event_id, order_id, event_type, ts, on_day(ts) as event_date from (
  select value ->> '$.event_id' as event_id, coalesce(value ->> '$.order_id', key) as order_id,
    value ->> '$.event_type' as event_type, try_cast(value ->> '$.ts' as timestamptz) as ts,
    coalesce(json_type(value, '$.metadata'), 'NULL') as metadata
  from (
    select key, case when json_valid(value) then value end as value, timestamp
    from read_parquet('{files}/kafka/orders_events/*.parquet')
  )
  where on_day(timestamp) between date '{first}' and date '{last}'
)
where event_id is not null and ts is not null and metadata in ('NULL', 'OBJECT')
  and event_type in ('PLACED', 'PAID', 'SHIPPED', 'DELIVERED', 'CANCELLED', 'RETURNED')
qualify row_number() over (partition by event_id order by ts desc) = 1;

create macro host_of(url) as
  nullif(lower(split_part(split_part(split_part(regexp_extract(url, '^[^?#]*://([^/?#]*)', 1), '@', -1), ':', 1), '/', 1)), '');
create macro query_of(url) as
  '&' || case when contains(split_part(url, '#', 1), '?') then regexp_extract(split_part(url, '#', 1), '\\?(.*)$', 1, 's') else '' end;
create macro parameter(query, name) as
  lower(url_decode(replace(regexp_extract(query, '&' || name || '=([^&]*)', 1, 'i'), '+', ' ')));
create macro is_social(host) as host = 't.co' or regexp_matches(
  '.' || host, '[.](facebook|instagram|twitter|x|linkedin|pinterest|tiktok|youtube|reddit)[.]');
create macro is_search(host) as regexp_matches('.' || host, '[.](google|bing|duckduckgo|yahoo|baidu|yandex|ecosia)[.]');
create macro is_social_name(name) as is_social(name)
  or name in ('facebook', 'instagram', 'twitter', 'x', 'linkedin', 'pinterest', 'tiktok', 'youtube', 'reddit');

create table behavior as
select event_id, customer_id, event_name, event_ts, session_id, event_date, product_id,
  case
    when medium in ('cpc', 'ppc', 'paid') then if(is_social_name(source), 'paid_social', 'paid_search')
    when medium in ('email', 'affiliate') then medium
    when medium = 'social' then 'organic_social'
    when referrer is null or referrer = page then 'direct'
    when is_search(referrer) then 'organic_search'
    when is_social(referrer) then 'organic_social'
    else 'referral'
  end as channel
from (
  select *, parameter(query, 'utm_medium') as medium, parameter(query, 'utm_source') as source
  from (
    select event_id, customer_id, event_name, event_ts, session_id, on_day(event_ts) as event_date,
      metadata ->> '$.product_id' as product_id, query_of(coalesce(url_1, '')) as query, host_of(url_1) as page,
      host_of(url_2) as referrer
    from read_parquet('{files}/redshift/customer_behavior/*.parquet')
    where on_day(loaded_at) between date '{first}' and date '{last}'
      and event_id is not null and event_ts <= loaded_at
      and event_name in ('page_view', 'search', 'view_product', 'add_to_cart', 'checkout', 'purchase', 'signup')
      and (metadata is null or (json_valid(metadata) and json_type(metadata) = 'OBJECT'))
    qualify row_number() over (partition by event_id order by loaded_at desc) = 1
  )
);

create table rates as
select day, currency, arg_max(eur_per_unit, rate_date) as eur_per_unit from (
  select distinct rate_date, quote as currency,
    -- 1 / rate in whole numbers, halves up.
    cast(((2 * 100000000000000000000::hugeint + units) // (2 * units)) as decimal(28, 0)) * 0.0000000001 as eur_per_unit
  from (
    select rate_date, quote, cast(rate * 10000000000 as hugeint) as units
    from read_parquet('{files}/fx/rates/*.parquet') where rate > 0 and base = 'EUR' and quote <> 'EUR'
  )
) join days on rate_date between day - 7 and day
group by day, currency
union all
select day, 'EUR', 1 from days;
"""

CONTACTS = """
create table accounts_by_email as
select contact.day, email, if(account.is_deleted, null, account.account_id) as account_id,
  if(account.is_deleted, null, account.industry) as industry
from (
  select day, email, account_id from days join contacts
    on system_modstamp < day + interval 1 day and (valid_to is null or valid_to >= day + interval 1 day)
  where not is_deleted and email is not null
  qualify row_number() over (partition by day, email order by system_modstamp desc, contact_id desc) = 1
) contact
left join accounts account on contact.account_id = account.account_id
  and account.system_modstamp < contact.day + interval 1 day
  and (account.valid_to is null or account.valid_to >= contact.day + interval 1 day);
"""

FACTS: Mapping[str, str] = {
    "fct_orders": """
select o.*, cast(round(o.amount * r.eur_per_unit, 2) as decimal(18, 2)) as amount_eur,
  o.status not in ('CANCELLED', 'RETURNED') as is_net,
  coalesce(p.category, 'Unknown') as category, coalesce(p.brand, 'Unknown') as brand,
  coalesce(c.country, 'Unknown') as country, a.account_id, coalesce(a.industry, 'Unknown') as industry
from orders o
join rates r on o.order_date = r.day and o.currency = r.currency
left join products p on o.product_id = p.product_id
  and p.last_modified_ts < o.order_date + interval 1 day and (p.valid_to is null or p.valid_to >= o.order_date + interval 1 day)
left join customers c on o.customer_id = c.customer_id and not c.is_deleted
  and c.last_modified_ts < o.order_date + interval 1 day and (c.valid_to is null or c.valid_to >= o.order_date + interval 1 day)
left join accounts_by_email a on c.email = a.email and o.order_date = a.day
""",
    "customer_daily": """
with bought as (
  select customer_id, order_date as activity_date, count(*) filter (is_net) as orders,
    coalesce(sum(quantity) filter (is_net), 0) as units, sum(amount_eur) as gross_eur,
    coalesce(sum(amount_eur) filter (is_net), 0) as net_eur, count(*) filter (not is_net) as cancelled_orders
  from fct_orders group by all
), bought_categories as (
  select customer_id, activity_date, list({{'category': category, 'orders': orders, 'net_eur': net_eur}} order by category) as categories
  from (
    select customer_id, order_date as activity_date, category, count(*) as orders, cast(sum(amount_eur) as decimal(18, 2)) as net_eur
    from fct_orders where is_net group by all
  ) group by all
), visits as (
  select customer_id, event_date as activity_date, session_id, arg_min(channel, (event_ts, event_id)) as channel,
    count(*) filter (event_name = 'page_view') as page_views, count(*) filter (event_name = 'add_to_cart') as add_to_carts,
    count(*) filter (event_name = 'purchase') as purchases, min(event_ts) as first_event_ts, max(event_ts) as last_event_ts
  from behavior where customer_id is not null group by all
), behaved as (
  select customer_id, activity_date, count(session_id) as sessions, sum(page_views) as page_views, sum(add_to_carts) as add_to_carts,
    sum(purchases) as purchases, min(first_event_ts) as first_event_ts, max(last_event_ts) as last_event_ts
  from visits group by all
), visit_channels as (
  select customer_id, activity_date, list({{'channel': channel, 'sessions': sessions}} order by channel) as channels from (
    select customer_id, activity_date, channel, count(*) as sessions from visits where session_id is not null group by all
  ) group by all
)
select customer_id, activity_date, coalesce(orders, 0) as orders, cast(coalesce(units, 0) as bigint) as units,
  cast(coalesce(gross_eur, 0) as decimal(18, 2)) as gross_eur, cast(coalesce(net_eur, 0) as decimal(18, 2)) as net_eur,
  coalesce(cancelled_orders, 0) as cancelled_orders, coalesce(sessions, 0) as sessions,
  cast(coalesce(page_views, 0) as bigint) as page_views, cast(coalesce(add_to_carts, 0) as bigint) as add_to_carts,
  cast(coalesce(purchases, 0) as bigint) as purchases, first_event_ts, last_event_ts,
  coalesce(categories, []) as categories, coalesce(channels, []) as channels
from bought full join behaved using (customer_id, activity_date)
left join bought_categories using (customer_id, activity_date)
left join visit_channels using (customer_id, activity_date)
where activity_date between date '{first}' and date '{last}'
""",
    "product_perf_daily": """
with sold as (
  select product_id, order_date as activity_date, count(*) filter (is_net) as orders, coalesce(sum(quantity) filter (is_net), 0) as units,
    sum(amount_eur) as gross_eur, coalesce(sum(amount_eur) filter (is_net), 0) as net_eur,
    coalesce(sum(amount_eur) filter (not is_net), 0) as cancelled_eur, count(distinct customer_id) filter (is_net) as buyers
  from fct_orders group by all
), seen as (
  select product_id, event_date as activity_date, count(*) filter (event_name = 'view_product') as views,
    count(*) filter (event_name = 'add_to_cart') as add_to_carts
  from behavior
  where product_id is not null and event_name in ('view_product', 'add_to_cart')
    and event_date between date '{first}' and date '{last}'
  group by all
)
select product_id, activity_date, coalesce(orders, 0) as orders, cast(coalesce(units, 0) as bigint) as units,
  cast(coalesce(gross_eur, 0) as decimal(18, 2)) as gross_eur, cast(coalesce(net_eur, 0) as decimal(18, 2)) as net_eur,
  cast(coalesce(cancelled_eur, 0) as decimal(18, 2)) as cancelled_eur, coalesce(buyers, 0) as buyers, coalesce(views, 0) as views,
  coalesce(add_to_carts, 0) as add_to_carts, cast(coalesce(orders, 0) as double) / nullif(views, 0) as conversion
from sold full join seen using (product_id, activity_date)
""",
    "revenue_by_geography": """
select country, order_date as activity_date, count(*) as orders, count(distinct customer_id) as customers,
  cast(sum(amount_eur) as decimal(18, 2)) as net_eur,
  average(sum(amount_eur), count(*)) as avg_order_value_eur
from fct_orders where is_net group by all
""",
    "revenue_by_industry": """
select industry, order_date as activity_date, count(*) as orders, count(distinct customer_id) as customers,
  cast(sum(amount_eur) as decimal(18, 2)) as net_eur,
  average(sum(amount_eur), count(*)) as avg_order_value_eur
from fct_orders where is_net and account_id is not null group by all
""",
    "order_funnel_daily": """
with placed as (select order_id, list(ts) as times from order_events where event_type = 'PLACED' group by order_id)
select event_type, event_date as activity_date, count(*) as events, count(distinct e.order_id) as orders,
  median(cast(epoch_us(ts) - epoch_us(list_min(list_filter(times, lambda one: one <= ts and one >= ts - interval 90 day))) as double) / 60000000)
    as median_minutes_since_placed
from order_events e left join placed p on e.order_id = p.order_id
where event_date between date '{first}' and date '{last}'
group by all
""",
    "marketing_attribution": """
with buyers as (select distinct customer_id, order_date from fct_orders),
theirs as (
  select distinct b.customer_id, order_date, session_id from buyers b join behavior e
    on b.customer_id = e.customer_id and event_date between order_date - 7 and order_date
  where session_id is not null
), by_day as (
  select session_id, event_date, min((event_ts, event_id, channel)) as opening from behavior where session_id is not null group by all
), touches as (
  select customer_id, order_date, session_id, min(opening) as opening
  from theirs join by_day using (session_id) where event_date between order_date - 7 and order_date
  group by all
  having on_day(min(opening)[1]) >= order_date - 6
), paths as (
  select customer_id, order_date, count(*) as sessions, arg_min(opening[3], (opening[1], session_id)) as first_touch,
    arg_max(opening[3], (opening[1], session_id)) as last_touch
  from touches group by all
), shares as (
  select customer_id, order_date, opening[3] as channel, count(*) as part from touches group by all
), whole as (
  select order_id, order_date, f.customer_id, if(is_net, cast(amount_eur * 100 as hugeint), 0) as cents, coalesce(sessions, 1) as sessions,
    coalesce(first_touch, 'direct') as first_touch, coalesce(last_touch, 'direct') as last_touch
  from fct_orders f left join paths using (customer_id, order_date)
), linear as (
  select order_id, order_date, cents, sessions, coalesce(channel, 'direct') as channel, coalesce(part, 1) as part,
    cents * coalesce(part, 1) // sessions as floor_cents, cents * coalesce(part, 1) % sessions as remainder
  from whole left join shares using (customer_id, order_date)
), credits as (
  select order_id, 'first_touch' as model, first_touch as channel, order_date as activity_date, cast(1 as double) as credit, cents from whole
  union all
  select order_id, 'last_touch', last_touch, order_date, 1, cents from whole
  union all
  select order_id, 'linear', channel, order_date, cast(part as double) / sessions,
    floor_cents + if(row_number() over (partition by order_id order by remainder desc, channel)
      <= cents - sum(floor_cents) over (partition by order_id), 1, 0)
  from linear
)
select order_id, model, channel, activity_date, credit, cast(cast(cents as decimal(18, 0)) * 0.01 as decimal(18, 2)) as net_eur from credits
""",
}
"""The tables of facts, in the order in which they are made; those that others read become tables of the database."""

SNAPSHOTS: Mapping[str, str] = {
    "dim_customers": """
select customer_id, upper(left(first_name, 1)) as first_name, upper(left(last_name, 1)) as last_name,
  sha256('{salt}' || c.email) as email, right(regexp_replace(phone, '[^0-9]', '', 'g'), 2) as phone, country, city, signup_date,
  last_modified_ts, account_id, coalesce(industry, 'Unknown') as industry, date '{day}' as snapshot_date
from customers c left join accounts_by_email a on c.email = a.email and a.day = date '{day}'
where not is_deleted and last_modified_ts < date '{day}' + interval 1 day and (valid_to is null or valid_to >= date '{day}' + interval 1 day)
""",
    "dim_products": """
select product_id, name, category, brand, unit_price, p.currency, is_active,
  cast(round(unit_price * eur_per_unit, 2) as decimal(18, 2)) as unit_price_eur, date '{day}' as snapshot_date
from products p left join rates r on p.currency = r.currency and r.day = date '{day}'
where last_modified_ts < date '{day}' + interval 1 day and (valid_to is null or valid_to >= date '{day}' + interval 1 day)
""",
    "sales_pipeline": """
select stage_name as stage, coalesce(industry, 'Unknown') as industry, count(*) as open_opportunities,
  cast(sum(amount_eur) as decimal(18, 2)) as amount_eur,
  cast(sum(round(amount_eur * probability * 0.01, 2)) as decimal(18, 2)) as weighted_amount_eur, date '{day}' as snapshot_date
from ({open_opportunities}) o left join accounts a on o.account_id = a.account_id and not a.is_deleted
  and a.system_modstamp < date '{day}' + interval 1 day and (a.valid_to is null or a.valid_to >= date '{day}' + interval 1 day)
group by all
""",
    "customer_segments": """
with spent as (
  select customer_id, date '{day}' - max(activity_date) as recency_days, sum(orders) as frequency, sum(net_eur) as monetary_eur
  from customer_daily where orders > 0 and activity_date between date '{day}' - 364 and date '{day}' and customer_id not in ({deleted})
  group by customer_id
), ranked as (
  select *, ntile(5) over (order by recency_days desc, customer_id) as r, ntile(5) over (order by frequency, customer_id) as f,
    ntile(5) over (order by monetary_eur, customer_id) as m
  from spent
)
select customer_id, date '{day}' as snapshot_date, cast(recency_days as bigint) as recency_days, cast(frequency as bigint) as frequency,
  cast(monetary_eur as decimal(18, 2)) as monetary_eur, r as recency_quintile, f as frequency_quintile, m as monetary_quintile,
  cast(r as varchar) || f || m as rfm_score,
  case when r >= 4 and f >= 4 and m >= 4 then 'champions' when r >= 3 and f >= 3 then 'loyal' when r >= 4 then 'recent'
    when r = 3 then 'needs_attention' when f >= 3 then 'at_risk' else 'hibernating' end as segment
from ranked
""",
    "customer_360": """
with sums as (
  select customer_id, {windows},
    min(activity_date) filter (orders > 0) as first_order_date, max(activity_date) filter (orders > 0) as last_order_date,
    max(activity_date) as last_activity_date
  from (select *, date '{day}' - activity_date as age from customer_daily where activity_date <= date '{day}')
  group by customer_id
), favourite_categories as (
  select customer_id, arg_min(category, (-orders, -net_eur, category)) as favourite_category from (
    select customer_id, item.category, sum(item.orders) as orders, sum(item.net_eur) as net_eur
    from (select customer_id, unnest(categories) as item from customer_daily where activity_date <= date '{day}') group by all
  ) group by customer_id
), favourite_channels as (
  select customer_id, arg_min(channel, (-sessions, channel)) as favourite_channel from (
    select customer_id, item.channel, sum(item.sessions) as sessions
    from (select customer_id, unnest(channels) as item from customer_daily where activity_date <= date '{day}') group by all
  ) group by customer_id
), pipeline as (
  select account_id, count(*) as open_opportunities, sum(amount_eur) as open_opportunity_eur from ({open_opportunities}) group by account_id
), joined as (
  select * exclude (country, industry, snapshot_date), if(c.last_modified_ts is null, 'Unknown', country) as country,
    coalesce(industry, 'Unknown') as industry, coalesce(lifetime_orders, 0) as n
  from dim_customers_of_day c full join sums using (customer_id)
  left join favourite_categories using (customer_id) left join favourite_channels using (customer_id) left join pipeline using (account_id)
  where customer_id not in ({deleted})
)
select customer_id, date '{day}' as snapshot_date, first_name, last_name, email, phone, country, city, signup_date, last_modified_ts,
  account_id, industry, {measures}, first_order_date, last_order_date,
  cast(date '{day}' - last_order_date as bigint) as days_since_last_order,
  cast(date '{day}' - last_activity_date as bigint) as days_since_last_activity,
  average(lifetime_net_eur, n) as avg_order_value_eur,
  favourite_category, favourite_channel, coalesce(open_opportunities, 0) as open_opportunities,
  cast(coalesce(open_opportunity_eur, 0) as decimal(18, 2)) as open_opportunity_eur,
  case when n = 0 then 'prospect' when first_order_date > date '{day}' - 30 then 'new' when orders_30d > 0 then 'active'
    when orders_90d > 0 then 'at_risk' else 'churned' end as lifecycle,
  case when n = 0 then null when orders_30d > 0 then 'low' when orders_90d > 0 or sessions_30d > 0 then 'medium' else 'high' end as churn_risk,
  case when n = 0 then 'none' when lifetime_net_eur < 250 then 'low' when lifetime_net_eur < 1000 then 'medium'
    when lifetime_net_eur < 5000 then 'high' else 'top' end as value_tier
from joined
""",
}
"""The states as of each day's end, one day at a time."""

DELETED = """
select customer_id from customers where is_deleted and last_modified_ts < date '{day}' + interval 1 day
  and (valid_to is null or valid_to >= date '{day}' + interval 1 day)
"""
OPEN_OPPORTUNITIES = """
select opportunity_id, account_id, stage_name, probability,
  coalesce(cast(round(amount * eur_per_unit, 2) as decimal(18, 2)), 0) as amount_eur
from opportunities o left join rates r on o.currency = r.currency and r.day = date '{day}'
where not is_deleted and not starts_with(stage_name, 'Closed')
  and system_modstamp < date '{day}' + interval 1 day and (valid_to is null or valid_to >= date '{day}' + interval 1 day)
"""
MEASURES = {"orders": "bigint", "units": "bigint", "net_eur": "decimal(18, 2)", "sessions": "bigint"}
SPANS = {"lifetime_{}": 100_000, "{}_7d": 7, "{}_30d": 30, "{}_90d": 90}


def run(files: Path, output: Path, first: dt.date, last: dt.date, salt: str) -> dict[str, float]:
    """Writes every gold table to `<output>/<table>/*.parquet`, and returns the seconds of each step."""
    seconds = {}
    with duckdb.connect() as database:
        database.execute("set timezone = 'UTC'; set enable_progress_bar = false; set preserve_insertion_order = false")
        for name, steps in _steps(files, output, first, last, salt):
            started = time.monotonic()
            for step in steps:
                database.execute(step)
            seconds[name] = time.monotonic() - started
    return seconds


def _steps(files: Path, output: Path, first: dt.date, last: dt.date, salt: str) -> Iterator[tuple[str, list[str]]]:
    listed = {"currencies": _listed(CURRENCIES), "countries": _listed(COUNTRIES)}
    span = {"first": first, "last": last}
    yield "silver", [SILVER.format(files=files, **span, **listed), CONTACTS]
    for name, query in FACTS.items():
        (output / name).mkdir(parents=True, exist_ok=True)
        made = f"create table {name} as {query.format(**span)}"
        yield name, [made, f"copy {name} to '{output}/{name}/all.parquet'"]
    for name in SNAPSHOTS:
        (output / name).mkdir(parents=True, exist_ok=True)
    days = [first + dt.timedelta(days=number) for number in range((last - first).days + 1)]
    for name, query in SNAPSHOTS.items():
        yield name, [step for day in days for step in _snapshot(name, query, output, day, salt)]


def _snapshot(name: str, query: str, output: Path, day: dt.date, salt: str) -> Iterator[str]:
    parts = {
        "day": day,
        "salt": salt,
        "deleted": DELETED.format(day=day),
        "open_opportunities": OPEN_OPPORTUNITIES.format(day=day),
        "windows": ", ".join(
            f"cast(sum(if(age < {length}, {measure}, 0)) as {kind}) as {span.format(measure)}"
            for span, length in SPANS.items()
            for measure, kind in MEASURES.items()
        ),
        "measures": ", ".join(
            f"cast(coalesce({span.format(measure)}, 0) as {kind}) as {span.format(measure)}"
            for span in SPANS
            for measure, kind in MEASURES.items()
        ),
    }
    if name == "customer_360":
        yield f"create or replace view dim_customers_of_day as select * from read_parquet('{output}/dim_customers/{day}.parquet')"
    yield f"copy ({query.format(**parts)}) to '{output}/{name}/{day}.parquet'"


def _listed(values: list[str]) -> str:
    return ", ".join(f"'{value}'" for value in values)


if __name__ == "__main__":
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("files", type=Path)
    arguments.add_argument("output", type=Path)
    arguments.add_argument("first", type=dt.date.fromisoformat)
    arguments.add_argument("last", type=dt.date.fromisoformat)
    arguments.add_argument("--salt", default="demo")
    given = arguments.parse_args()
    seconds = run(given.files, given.output, given.first, given.last, given.salt)
    print(json.dumps(seconds, indent=2))  # noqa: T201
