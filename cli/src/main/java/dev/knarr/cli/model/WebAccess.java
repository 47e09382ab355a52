// SPDX-License-Identifier: Apache-2.0
package dev.knarr.cli.model;

import dev.knarr.head.api.FetchReason;
import java.io.IOException;
import java.io.InputStream;
import java.net.Authenticator;
import java.net.PasswordAuthentication;
import java.net.http.HttpClient;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.KeyStore;
import java.security.cert.Certificate;
import java.security.cert.CertificateFactory;
import java.security.cert.X509Certificate;
import java.util.Arrays;
import java.util.Collection;
import java.util.Map;
import javax.net.ssl.SSLContext;
import javax.net.ssl.TrustManager;
import javax.net.ssl.TrustManagerFactory;
import javax.net.ssl.X509TrustManager;
import org.jspecify.annotations.Nullable;

/** How the outside is reached: through which proxies, and whose certificates are trusted. */
final class WebAccess {
  /** The JDK sends passwords to a proxy of https only when this does not name their scheme. */
  private static final String TUNNEL_SCHEMES = "jdk.http.auth.tunneling.disabledSchemes";

  private final EnvironmentProxies proxies;
  private final @Nullable SSLContext tls;

  private WebAccess(EnvironmentProxies proxies, @Nullable SSLContext tls) {
    this.proxies = proxies;
    this.tls = tls;
  }

  /** By HTTPS_PROXY, HTTP_PROXY and NO_PROXY. */
  static WebAccess by(Map<String, String> environment) {
    return new WebAccess(EnvironmentProxies.of(environment), null);
  }

  /**
   * The same, trusting more than what the Java runtime trusts.
   *
   * @param caBundle certificates, PEM
   * @throws ModelException where they cannot be read
   */
  WebAccess trusting(Path caBundle) {
    try (InputStream in = Files.newInputStream(caBundle)) {
      Collection<? extends Certificate> more =
          CertificateFactory.getInstance("X.509").generateCertificates(in);
      if (more.isEmpty()) {
        throw new ModelException(
            FetchReason.CONFIG_INVALID,
            "The CA bundle %s holds no certificate: give PEM.".formatted(caBundle));
      }
      return new WebAccess(proxies, context(more));
    } catch (IOException | GeneralSecurityException e) {
      throw new ModelException(
          FetchReason.CONFIG_INVALID,
          "The CA bundle %s cannot be read: %s. Give certificates as PEM."
              .formatted(caBundle, e.getMessage()),
          e);
    }
  }

  private static SSLContext context(Collection<? extends Certificate> more)
      throws GeneralSecurityException, IOException {
    var trusted = KeyStore.getInstance(KeyStore.getDefaultType());
    trusted.load(null, null);
    int number = 0;
    for (X509Certificate known : runtimeAuthorities()) {
      trusted.setCertificateEntry("runtime-" + number++, known);
    }
    for (Certificate certificate : more) {
      trusted.setCertificateEntry("bundle-" + number++, certificate);
    }
    var context = SSLContext.getInstance("TLS");
    context.init(null, managers(trusted), null);
    return context;
  }

  private static X509Certificate[] runtimeAuthorities() throws GeneralSecurityException {
    return Arrays.stream(managers(null))
        .filter(X509TrustManager.class::isInstance)
        .flatMap(manager -> Arrays.stream(((X509TrustManager) manager).getAcceptedIssuers()))
        .toArray(X509Certificate[]::new);
  }

  private static TrustManager[] managers(@Nullable KeyStore trusted)
      throws GeneralSecurityException {
    var factory = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
    factory.init(trusted);
    return factory.getTrustManagers();
  }

  /** A client to be configured further. */
  HttpClient.Builder client() {
    var builder = HttpClient.newBuilder().proxy(proxies);
    if (tls != null) {
      builder.sslContext(tls);
    }
    if (proxies.haveUsers()) {
      System.setProperty(TUNNEL_SCHEMES, "");
      builder.authenticator(
          new Authenticator() {
            @Override
            protected @Nullable PasswordAuthentication getPasswordAuthentication() {
              return getRequestorType() == RequestorType.PROXY
                  ? proxies.user(getRequestingHost(), getRequestingPort()).orElse(null)
                  : null;
            }
          });
    }
    return builder;
  }
}
