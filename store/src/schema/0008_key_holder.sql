-- A key may stay in a token: its row names it there. Servers of before write rows without it.

ALTER TABLE platform_key ADD COLUMN token_label TEXT;
