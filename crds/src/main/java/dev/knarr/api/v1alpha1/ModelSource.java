// SPDX-License-Identifier: Apache-2.0
package dev.knarr.api.v1alpha1;

import com.fasterxml.jackson.annotation.JsonInclude;
import io.fabric8.generator.annotation.ValidationRule;
import org.jspecify.annotations.Nullable;

/** Where a GGUF file is: exactly one of the fields is set. */
@JsonInclude(JsonInclude.Include.NON_NULL)
@ValidationRule(
    value =
        "[has(self.path), has(self.claim), has(self.hostPath), has(self.http), has(self.huggingFace), has(self.image)].filter(set, set).size() == 1",
    message = Sentences.ONE_SOURCE)
@ValidationRule(value = "!has(self.path)", message = Sentences.KUBERNETES_PATH, fieldPath = ".path")
public class ModelSource {
  /** A file of this machine, relative to the file that holds this document. Local mode only. */
  private @Nullable String path;

  /** A file on a PersistentVolumeClaim. Kubernetes only. */
  private @Nullable ClaimSource claim;

  /** A file on every node the head or a worker runs on. Kubernetes only. */
  private @Nullable HostPathSource hostPath;

  /** A file to be fetched from a web server. */
  private @Nullable HttpSource http;

  /** A file to be fetched from Hugging Face or a server with the same interface. */
  private @Nullable HuggingFaceSource huggingFace;

  /** A file in an OCI image, mounted as a volume. Kubernetes 1.33 or later only. */
  private @Nullable ImageSource image;

  public @Nullable String getPath() {
    return path;
  }

  public void setPath(@Nullable String path) {
    this.path = path;
  }

  public @Nullable ClaimSource getClaim() {
    return claim;
  }

  public void setClaim(@Nullable ClaimSource claim) {
    this.claim = claim;
  }

  public @Nullable HostPathSource getHostPath() {
    return hostPath;
  }

  public void setHostPath(@Nullable HostPathSource hostPath) {
    this.hostPath = hostPath;
  }

  public @Nullable HttpSource getHttp() {
    return http;
  }

  public void setHttp(@Nullable HttpSource http) {
    this.http = http;
  }

  public @Nullable HuggingFaceSource getHuggingFace() {
    return huggingFace;
  }

  public void setHuggingFace(@Nullable HuggingFaceSource huggingFace) {
    this.huggingFace = huggingFace;
  }

  public @Nullable ImageSource getImage() {
    return image;
  }

  public void setImage(@Nullable ImageSource image) {
    this.image = image;
  }
}
