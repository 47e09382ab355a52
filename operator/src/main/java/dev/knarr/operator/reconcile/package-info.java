/**
 * What happens when a cluster, or anything of it, changes. Entry: {@link
 * dev.knarr.operator.reconcile.InferenceClusterReconciler}.
 */
@NullMarked
package dev.knarr.operator.reconcile;

import org.jspecify.annotations.NullMarked;
