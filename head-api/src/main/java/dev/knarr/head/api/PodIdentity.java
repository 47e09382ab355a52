// SPDX-License-Identifier: Apache-2.0
package dev.knarr.head.api;

import com.fasterxml.jackson.annotation.JsonInclude;
import org.jspecify.annotations.Nullable;

/**
 * Who answers: the address of a pod may soon be that of another one. Immutable.
 *
 * @param clusterUid the UID of the InferenceCluster
 * @param revision of the configuration that is in force here
 * @param podUid the UID of the pod, where it was told
 */
@JsonInclude(JsonInclude.Include.NON_NULL)
public record PodIdentity(String clusterUid, String revision, @Nullable String podUid) {}
