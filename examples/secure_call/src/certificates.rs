//! A public key infrastructure as carriers have it, made at start: a root, two intermediates below it, and the server's certificate.

use anyhow::{Context as _, Result, anyhow};
use graviola::hashing::Sha256;
use graviola::signing::ecdsa::{P256, SigningKey};
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer,
    KeyIdMethod, KeyUsagePurpose, PKCS_ECDSA_P256_SHA256, PublicKeyData, SerialNumber,
    SignatureAlgorithm,
};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};

/// The name for which the carrier's certificate is made, and that the PBX connects to.
pub const SERVER: &str = "sip.carrier.example";

/// What the server shows, and what a client has to trust.
pub struct Certificates {
    pub root: CertificateDer<'static>,
    /// The server's own certificate, then the intermediates, the one below the root last. The root is not among them.
    pub chain: Vec<CertificateDer<'static>>,
    pub key: PrivateKeyDer<'static>,
}

impl Certificates {
    /// All four, under a root of this name.
    pub fn make(root: &str) -> Result<Self> {
        let (root, root_key) = (authority(root, 1), Key::generate()?);
        let root_certificate = root.self_signed(&root_key)?;
        let root = Issuer::new(root, root_key);

        let (first, first_key) = (authority("Trunk Intermediate CA", 2), Key::generate()?);
        let first_certificate = first.signed_by(&first_key, &root)?;
        let first = Issuer::new(first, first_key);

        let (second, second_key) = (authority("Trunk Issuing CA", 3), Key::generate()?);
        let second_certificate = second.signed_by(&second_key, &first)?;
        let second = Issuer::new(second, second_key);

        let server_key = Key::generate()?;
        let mut server = named(SERVER, 4);
        server.subject_alt_names = CertificateParams::new([SERVER.to_owned()])?.subject_alt_names;
        server.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let server_certificate = server.signed_by(&server_key, &second)?;

        Ok(Self {
            root: root_certificate.into(),
            chain: vec![
                server_certificate.into(),
                second_certificate.into(),
                first_certificate.into(),
            ],
            key: server_key.pkcs8()?,
        })
    }
}

fn named(name: &str, serial: u64) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, name);
    params.serial_number = Some(SerialNumber::from(serial));
    params.key_identifier_method = KeyIdMethod::PreSpecified(serial.to_be_bytes().to_vec());
    params
}

fn authority(name: &str, serial: u64) -> CertificateParams {
    let mut params = named(name, serial);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params
}

/// A P-256 key that signs certificates without C.
struct Key {
    secret: SigningKey<P256>,
    /// The point, uncompressed.
    public: [u8; 65],
}

impl Key {
    fn generate() -> Result<Self> {
        let failed = |_| anyhow!("no certificate key can be made");
        let private = graviola::key_agreement::p256::StaticPrivateKey::new_random();
        let secret = SigningKey::<P256> {
            private_key: private.map_err(failed)?,
        };
        let public = secret.private_key.public_key_uncompressed();
        Ok(Self { secret, public })
    }

    fn pkcs8(&self) -> Result<PrivateKeyDer<'static>> {
        let mut room = [0; 256];
        let der = self.secret.to_pkcs8_der(&mut room);
        let der = der
            .ok()
            .context("the certificate's key cannot be encoded")?;
        Ok(PrivatePkcs8KeyDer::from(der.to_vec()).into())
    }
}

impl PublicKeyData for Key {
    fn der_bytes(&self) -> &[u8] {
        &self.public
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        &PKCS_ECDSA_P256_SHA256
    }
}

impl rcgen::SigningKey for Key {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, rcgen::Error> {
        let mut room = [0; 128];
        let signature = self.secret.sign_asn1::<Sha256>(&[message], &mut room);
        let signature = signature.map_err(|_| rcgen::Error::RemoteKeyError)?;
        Ok(signature.to_vec())
    }
}
