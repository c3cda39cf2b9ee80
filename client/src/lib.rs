//! What a partner needs: sign, encrypt, call, decrypt.
